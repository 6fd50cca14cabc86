/** Row 127: what the command prints, given every secret that there is in its environment, and whom it may tell. */
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNen, InMemorySessionStore } from '../../src/adapter/server.ts';
import { bundleCommand, type CommandLine } from '../cli/command.ts';
import { serve, type TestServer } from '../support/serve.ts';
import { Scanner } from './scanner.ts';

const [identity, storeKey, password] = [randomBytes(32), randomBytes(32), randomBytes(16).toString('hex')];
const env = {
  NEN_IDENTITY: identity.toString('base64'),
  NEN_STORE_KEYS: storeKey.toString('base64'),
  REDIS_URL: `redis://app:${password}@127.0.0.1:1`,
};
const scanner = new Scanner(
  [identity, storeKey, Buffer.from(password)].map((bytes) => ({ kind: 'secret', bytes })),
);

let command: CommandLine;
let server: TestServer;
beforeAll(async () => {
  command = await bundleCommand();
  const store = new InMemorySessionStore();
  const nen = createNen({ store, identity: env.NEN_IDENTITY, onEvent: () => undefined });
  server = await serve((req) => (req.method === 'GET' ? nen.routes.GET(req) : nen.routes.POST(req)));
});
afterAll(async () => {
  await command?.remove();
  await server?.close();
});

async function printed(args: readonly string[], input = ''): Promise<Buffer> {
  const { out, err } = await command.run(args, { env, input });
  expect(out + err).not.toBe('');
  return Buffer.from(out + err);
}

describe('row 127: no command prints a secret of its environment', () => {
  test.each([
    ['doctor', () => ['doctor', server.url]],
    ['doctor, with a pin of another server', () => ['doctor', server.url, '--pin', 'A'.repeat(43)]],
    ['doctor, where nothing listens', () => ['doctor', 'http://127.0.0.1:1']],
    ['fingerprint', () => ['fingerprint']],
    ['explain', () => ['explain', 'ISO-1006']],
    ['help', () => ['--help']],
    ['keygen, which makes new ones', () => ['keygen']],
    ['a command that there is not', () => [env.NEN_IDENTITY]],
    ['an option that there is not', () => ['doctor', server.url, `--seed=${env.NEN_IDENTITY}`]],
    ['a URL that is none', () => ['doctor', env.REDIS_URL]],
  ])('%s', async (_, args) => {
    expect(scanner.scan(await printed(args()))).toEqual([]);
  });
});

test('row 127: keygen prints what it makes, each key once, and nothing of it as an error', async () => {
  const { out, err } = await command.run(['keygen'], { env });
  const made = [...out.matchAll(/^NEN_(?:IDENTITY|STORE_KEYS)=(.+)$/gm)].map(([, key = '']) => key);
  expect(made).toHaveLength(2);
  for (const key of made) {
    expect(out.split(key)).toHaveLength(2);
    expect(new Scanner([{ kind: 'key', bytes: Buffer.from(key, 'base64') }]).scan(Buffer.from(err))).toEqual(
      [],
    );
  }
});
