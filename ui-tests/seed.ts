import { execFileSync } from 'node:child_process';

/** Run seed.py with the studio of the tests. */
export function seed(...args: string[]): void {
  execFileSync('python', ['seed.py', ...args], {
    cwd: __dirname,
    stdio: 'inherit'
  });
}
