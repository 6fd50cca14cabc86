/** The list in order of age, beside an array that is one too. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Aged, AgeList } from '../../src/session/age-list.ts';

interface Member extends Aged<Member> {
  readonly name: number;
}

/** From the oldest to the youngest, by the links of each way. */
function membersOf(list: AgeList<Member>): { upwards: number[]; downwards: number[] } {
  const upwards: number[] = [];
  let newest: Member | undefined;
  for (let at = list.oldest; at !== undefined; at = at.newer) {
    upwards.push(at.name);
    newest = at;
  }
  const downwards: number[] = [];
  for (let at = newest; at !== undefined; at = at.older) downwards.unshift(at.name);
  return { upwards, downwards };
}

test('whatever goes in, out, and in again, it keeps the order and the number', () => {
  const step = fc.record({ what: fc.constantFrom('add', 'remove', 'renew'), at: fc.nat(20) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      const list = new AgeList<Member>();
      const model: Member[] = [];
      steps.forEach(({ what, at }, name) => {
        const [chosen] = what === 'add' ? [] : model.splice(at, 1);
        if (chosen !== undefined) {
          list.remove(chosen);
          expect([chosen.older, chosen.newer]).toEqual([undefined, undefined]);
        }
        const added = what === 'add' ? { name, older: undefined, newer: undefined } : chosen;
        if (added !== undefined && what !== 'remove') {
          list.add(added);
          model.push(added);
        }
        const names = model.map((member) => member.name);
        expect(membersOf(list)).toEqual({ upwards: names, downwards: names });
        expect(list.size).toBe(model.length);
      });
    }),
  );
});
