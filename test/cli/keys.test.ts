/** Keys, pins and codes on the command line: as child processes, with nothing but their text to go by. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readServerIdentity } from '../../src/adapter/server-identity.ts';
import { primitives } from '../../src/crypto/select.ts';
import { describeNenCode } from '../../src/protocol/catalogue.ts';
import { isNenErrorCode, WIRE_ERRORS } from '../../src/protocol/errors.ts';
import { encodePin } from '../../src/protocol/identity.ts';
import { bundleCommand, type CommandLine } from './command.ts';

let command: CommandLine;

beforeAll(async () => {
  command = await bundleCommand();
});

afterAll(() => command?.remove());

function variables(lines: string): Record<string, string> {
  return Object.fromEntries(
    [...lines.matchAll(/^([A-Z_]+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]),
  );
}

async function pinOf(seed: string): Promise<string> {
  const signer = await readServerIdentity(seed)?.();
  return encodePin(primitives().sha256(signer?.publicKey ?? new Uint8Array(0)));
}

describe('keygen', () => {
  it('prints a seed, its pin and a store key as lines of an environment file', async () => {
    const { code, out, err } = await command.run(['keygen']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const { NEN_IDENTITY = '', NEXT_PUBLIC_NEN_PINS = '', NEN_STORE_KEYS = '', ...more } = variables(out);
    expect(more).toEqual({});
    expect(Buffer.from(NEN_IDENTITY, 'base64')).toHaveLength(32);
    expect(Buffer.from(NEN_STORE_KEYS, 'base64')).toHaveLength(32);
    expect(NEXT_PUBLIC_NEN_PINS).toBe(await pinOf(NEN_IDENTITY));
    expect(out.split('\n').filter((line) => line !== '' && !/^(#|[A-Z_]+=)/.test(line))).toEqual([]);
  });

  it('leaves the last line of the file that it is appended to as it was', async () => {
    const file = `ITS_OWN=1${(await command.run(['keygen', '--store'])).out}`;
    expect(variables(file)).toEqual({ ITS_OWN: '1', NEN_STORE_KEYS: expect.any(String) });
  });

  it('prints one of the two when asked, and never the same twice', async () => {
    const [identity, again, store] = await Promise.all([
      command.run(['keygen', '--identity']),
      command.run(['keygen', '--identity']),
      command.run(['keygen', '--store']),
    ]);
    expect(Object.keys(variables(identity.out))).toEqual(['NEN_IDENTITY', 'NEXT_PUBLIC_NEN_PINS']);
    expect(Object.keys(variables(store.out))).toEqual(['NEN_STORE_KEYS']);
    expect(identity.out).not.toBe(again.out);
  });
});

describe('fingerprint', () => {
  const seed = randomBytes(32).toString('base64');

  it('tells the pin of the seed in NEN_IDENTITY', async () => {
    const { code, out } = await command.run(['fingerprint'], { env: { NEN_IDENTITY: seed } });
    expect({ code, out }).toEqual({ code: 0, out: `${await pinOf(seed)}\n` });
  });

  it.each([
    ['the seed alone', `${seed}\n`],
    [
      'an environment file',
      `A=1\nNEN_IDENTITY="${randomBytes(32).toString('base64')}"\nNEN_IDENTITY=${seed}\n`,
    ],
  ])('reads %s from standard input', async (_, input) => {
    const { code, out } = await command.run(['fingerprint'], { input });
    expect({ code, out }).toEqual({ code: 0, out: `${await pinOf(seed)}\n` });
  });

  it.each([[[seed]], [[`--seed=${seed}`]], [['--identity', seed]]])(
    'refuses a seed as an argument, and does not repeat it',
    async (args) => {
      const { code, out, err } = await command.run(['fingerprint', ...args]);
      expect(code).toBe(2);
      expect(out + err).not.toContain(seed.slice(0, 20));
    },
  );

  it.each(['', 'not a seed', randomBytes(31).toString('base64'), `${seed}${seed}`])(
    'fails for what is no seed, and does not repeat it',
    async (input) => {
      const { code, out, err } = await command.run(['fingerprint'], { input });
      expect({ code, out }).toEqual({ code: 1, out: '' });
      if (input !== '') expect(err).not.toContain(input);
    },
  );
});

describe('explain', () => {
  it('says what a code means and what to do', async () => {
    const { code, out } = await command.run(['explain', 'ISO-3002']);
    expect(code).toBe(0);
    const { title, cause, fix, ran } = describeNenCode('ISO-3002');
    for (const text of [title, cause, fix, ran]) expect(out).toContain(text);
  });

  it('has words of its own for every code, none of them reserved for a version without identities', () => {
    for (const code of Object.keys(WIRE_ERRORS).filter(isNenErrorCode)) {
      expect(Object.values(describeNenCode(code)).join(' ')).not.toContain('has no identities');
    }
  });

  it('takes the number alone, in any case', async () => {
    const [whole, lower, digits] = await Promise.all(
      ['ISO-1006', 'iso-1006', '1006'].map((code) => command.run(['explain', code])),
    );
    expect(lower?.out).toBe(whole?.out);
    expect(digits?.out).toBe(whole?.out);
  });

  it.each([[[]], [['ISO-9999']], [['toString']], [['ISO-3002', 'ISO-3003']]])('refuses %j', async (args) => {
    expect((await command.run(['explain', ...args])).code).toBe(2);
  });
});

describe('the command', () => {
  it('says how it is used: asked for on standard output, and else as an error', async () => {
    const [help, of, nothing, unknown] = await Promise.all(
      [['--help'], ['doctor', '-h'], [], ['toString']].map((args) => command.run(args)),
    );
    expect(help).toMatchObject({ code: 0, err: '', out: expect.stringContaining('trpc-nen doctor <url>') });
    expect(of?.out).toBe(help?.out);
    expect(nothing).toMatchObject({ code: 2, out: '' });
    expect(unknown).toMatchObject({ code: 2, out: '' });
  });
});
