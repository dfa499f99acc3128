import { execFileSync } from 'node:child_process';

/** Run Python code whose boto3 speaks to the studio of the tests. */
export function runWithKeys(code: string): void {
  execFileSync('python', ['seed.py', 'run'], {
    cwd: __dirname,
    input: code,
    stdio: ['pipe', 'inherit', 'inherit']
  });
}

/** Run seed.py with the studio of the tests. */
export function seed(...args: string[]): void {
  execFileSync('python', ['seed.py', ...args], {
    cwd: __dirname,
    stdio: 'inherit'
  });
}
