import { seed } from './seed';

export default function teardown(): void {
  seed('stop', '--all');
}
