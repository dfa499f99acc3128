import { render, screen } from '@testing-library/react';
import React, { act } from 'react';

import { preferences } from '../../model/preferences';
import { duration, RelativeTime, relativeTime } from '../time';

const NOW = new Date('2026-11-22T12:00:00Z');

describe('relativeTime', () => {
  it.each([
    ['2026-11-22T11:59:30Z', '30 seconds ago'],
    ['2026-11-22T11:58:01Z', '1 minute ago'],
    ['2026-11-22T09:00:00Z', '3 hours ago'],
    ['2026-11-20T12:00:00Z', '2 days ago'],
    ['2026-11-22T12:00:00Z', 'now']
  ])('of %s is %s', (date, words) => {
    expect(relativeTime(new Date(date), NOW)).toBe(words);
  });
});

describe('duration', () => {
  it.each([
    [7, '0:07'],
    [61, '1:01'],
    [3723, '1:02:03'],
    [-5, '0:00']
  ])('of %s seconds is %s', (seconds, text) => {
    expect(duration(NOW, new Date(NOW.getTime() + seconds * 1000))).toBe(text);
  });
});

describe('RelativeTime', () => {
  it('shows the time itself to who prefers that', () => {
    render(<RelativeTime date={NOW} />);
    const shown = screen.getByText(/./, { selector: 'time' });
    expect(shown.textContent).not.toMatch(/\d\d:\d\d/);
    act(() => preferences.set({ times: 'absolute' }));
    expect(shown.textContent).toMatch(/\d\d:\d\d/);
    expect(shown.title).toMatch(/ago|now/);
    act(() => preferences.set({ times: 'relative' }));
  });

  it('has the absolute time on hover and for machines', () => {
    render(<RelativeTime date={NOW} />);
    const time = screen.getByRole('time');
    expect(time.getAttribute('datetime')).toBe('2026-11-22T12:00:00.000Z');
    expect(time.title).toContain('2026');
  });
});
