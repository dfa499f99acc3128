import { seed } from './seed';

export default function setup(): void {
  seed('fill');
}
