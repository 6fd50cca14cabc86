/** The table of sessions in memory: expired ones go little by little, and whatever goes is wiped. */
import { describe, expect, test } from 'vitest';
import { latin1ToBytes } from '../../src/crypto/bytes.ts';
import { SessionTable } from '../../src/session/session-table.ts';
import { secretHash } from '../../src/session/sharded-map.ts';

describe('sessions', () => {
  test('that have expired go two a room and call, never all in one', () => {
    const table = new SessionTable(1000, 1000, secretHash());
    const record = latin1ToBytes('record');
    for (let i = 0; i < 100; i++) {
      table.put(`unconfirmed ${i}`, record, { endsAt: 1000, confirmed: false, now: 0 });
      table.put(`confirmed ${i}`, record, { endsAt: 1000, confirmed: true, now: 0 });
    }
    expect(table.size).toBe(200);
    for (let i = 1; i <= 50; i++) {
      table.put(`new ${i}`, record, { endsAt: 9000, confirmed: false, now: 1000 });
      expect(table.size).toBe(200 - 4 * i + i);
    }
    expect(table.size).toBe(50);
  });

  test('that go are wiped', () => {
    const table = new SessionTable(1, 1, secretHash());
    const record = latin1ToBytes('record');
    table.put('a', record, { endsAt: 1000, confirmed: true, now: 0 });
    const kept = table.find('a', 0)?.record;
    expect(kept).toEqual(record);
    table.put('b', record, { endsAt: 1000, confirmed: true, now: 0 });
    expect(kept).toEqual(new Uint8Array(6));
    expect(record).toEqual(latin1ToBytes('record'));
    const expiring = table.find('b', 0)?.record;
    expect(table.find('b', 1000)).toBeUndefined();
    expect(expiring).toEqual(new Uint8Array(6));
  });

  test('that have expired are wiped when another is looked for', () => {
    const table = new SessionTable(10, 10, secretHash());
    const record = latin1ToBytes('record');
    const kept = ['a', 'b', 'c', 'd'].map((sid, i) => {
      table.put(sid, record, { endsAt: 1000 + i, confirmed: i < 2, now: 0 });
      return table.find(sid, 0)?.record;
    });
    expect(table.find('nobody', 1002)).toBeUndefined();
    expect(kept).toEqual([new Uint8Array(6), new Uint8Array(6), new Uint8Array(6), record]);
    expect(table.size).toBe(1);
    // One that the look itself would drop is found as one that is gone.
    expect(table.find('d', 1003)).toBeUndefined();
    expect(table.size).toBe(0);
  });
});
