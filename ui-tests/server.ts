import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';

/** How far its port is from that of the server that all tests share. */
const DISTANCE = 20;

/** A Jupyter server of its own, at another base URL, with the studio of the tests. */
export class Server {
  constructor(readonly baseUrl: string) {}

  /** Where it answers; ends with a slash. */
  get url(): string {
    return `http://127.0.0.1:${this._port}${this.baseUrl}`;
  }

  /** Start it, and wait until it answers. */
  async start(): Promise<void> {
    this._process = spawn(
      'jupyter',
      ['lab', '--config', 'jupyter_server_test_config.py'],
      {
        cwd: __dirname,
        // A group of its own, which dies as a whole.
        detached: true,
        env: {
          ...process.env,
          MLSTUDIO_TEST_BASE_URL: this.baseUrl,
          MLSTUDIO_TEST_PORT: this._port
        },
        stdio: 'ignore'
      }
    );
    while (!(await this._answers())) {
      if (this._process.exitCode !== null) {
        throw new Error(`The server ended with ${this._process.exitCode}`);
      }
      await pause(200);
    }
  }

  /** Kill it without warning. */
  async kill(): Promise<void> {
    const { _process: server } = this;
    this._process = undefined;
    if (server?.pid !== undefined && server.exitCode === null) {
      const ended = once(server, 'exit');
      process.kill(-server.pid, 'SIGKILL');
      await ended;
    }
  }

  private async _answers(): Promise<boolean> {
    try {
      return (await fetch(`${this.url}api/status`)).ok;
    } catch {
      return false;
    }
  }

  private readonly _port = String(
    Number(process.env.MLSTUDIO_TEST_PORT) + DISTANCE
  );
  private _process: ChildProcess | undefined;
}
