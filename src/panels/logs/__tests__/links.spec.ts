import type { ILogLine } from '../../../api/logs';
import { linkTo, parseLink, withoutLink } from '../links';

const BASE = 'http://host/user/me/';

const line: ILogLine = {
  LineNumber: 70,
  StreamLineNumber: 41,
  Time: 0,
  LogStreamName: 'job/algo-1-1700000000',
  Message: '',
  Length: 0
};

it('leads to the line it was made of', () => {
  const link = linkTo(BASE, { kind: 'TrainingJob', name: 'job' }, line) ?? '';
  expect(link).toContain('/lab?mlstudio-log=');
  expect(parseLink(link.slice(link.indexOf('?')))).toEqual({
    kind: 'TrainingJob',
    name: 'job',
    line: { LogStreamName: 'job/algo-1-1700000000', StreamLineNumber: 41 }
  });
  expect(link).toMatch(/^http:\/\/host\/user\/me\/lab/);
  const uncounted = { ...line };
  delete uncounted.StreamLineNumber;
  expect(
    linkTo(BASE, { kind: 'TrainingJob', name: 'job' }, uncounted)
  ).toBeNull();
});

it.each([
  ['?mlstudio-log=Endpoint/e', { kind: 'Endpoint', name: 'e', line: null }],
  ['?mlstudio-log=Model/m', null],
  ['?mlstudio-log=TrainingJob', null],
  ['?mlstudio-log=TrainingJob/a/s:0', null],
  ['?mlstudio-log=TrainingJob/a/s:x', null],
  ['?reset', null]
])('reads %s', (search, expected) => {
  expect(parseLink(search)).toEqual(expected);
});

it('is taken out of an address', () => {
  expect(withoutLink('?a=1&mlstudio-log=x&b=2')).toBe('?a=1&b=2');
  expect(withoutLink('?mlstudio-log=x')).toBe('');
});
