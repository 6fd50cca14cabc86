/** What createContext and code behind it can do with the request that it is given. */
import { describe, expect, it } from 'vitest';
import { startApp, WAYS } from './support/app.ts';
import { failOnStrayErrors } from './support/stray-errors.ts';

failOnStrayErrors();

describe.each(WAYS)('$name', (way) => {
  it('reads what a Request has', async () => {
    const seen: unknown[] = [];
    const app = await startApp(way, {
      onContext: (req) => {
        seen.push({
          method: req.method,
          url: new URL(req.url).pathname,
          headers: req.headers instanceof Headers,
          type: req.headers.get('content-type'),
          signal: req.signal.aborted,
          bodyUsed: req.bodyUsed,
          hasBody: req.body !== null,
          redirect: req.redirect,
          instance: req instanceof Request,
          name: Object.prototype.toString.call(req),
        });
      },
    });
    await app.client().add.mutate([1, 2]);
    expect(seen).toEqual([
      {
        method: 'POST',
        url: '/api/trpc/add',
        headers: true,
        type: 'application/json',
        signal: false,
        bodyUsed: false,
        hasBody: true,
        redirect: 'follow',
        instance: true,
        name: '[object Request]',
      },
    ]);
  });

  it('clones it, and both bodies can be read', async () => {
    const bodies: string[] = [];
    const app = await startApp(way, {
      onContext: async (req) => {
        bodies.push(await req.clone().text());
      },
    });
    expect(await app.client().add.mutate([1, 2])).toBe(3);
    expect(bodies.map((body) => JSON.parse(body))).toEqual([{ 0: { json: [1, 2] } }]);
  });

  it('makes another of its clone, and of its parts', async () => {
    const made: string[] = [];
    const app = await startApp(way, {
      onContext: async (req) => {
        const headers = { 'x-added': '1' };
        const copy = new Request(req.clone(), { headers });
        const { method, signal } = req;
        const likeIt = new Request(req.url, { method, signal, headers: req.headers });
        made.push(`${copy.method} ${copy.headers.get('x-added')} ${likeIt.method} ${await copy.text()}`);
      },
    });
    expect(await app.client().add.mutate([1, 2])).toBe(3);
    expect(made).toEqual(['POST 1 POST {"0":{"json":[1,2]}}']);
  });

  it('makes another of it directly only where it is plain: a sealed one says that it is not the real one', async () => {
    const made: string[] = [];
    const app = await startApp(way, {
      onContext: (req) => {
        try {
          made.push(new Request(req).method);
        } catch (error) {
          made.push((error as Error).name);
        }
      },
    });
    await app.client().echo.query(1);
    expect(made).toEqual([way.sealed ? 'TypeError' : 'GET']);
  });

  it.each<[string, (req: Request) => unknown]>([
    ['nothing', () => undefined],
    ['its redirect mode', (req) => req.redirect],
    ['its body, unread', (req) => req.body],
  ])('reads its body once, after a look at %s', async (_, look) => {
    const outcomes: unknown[] = [];
    const app = await startApp(way, {
      onContext: async (req) => {
        look(req);
        outcomes.push(req.bodyUsed, await req.json(), req.bodyUsed);
        await req.text().catch((error: Error) => outcomes.push(error.name));
        await req.formData().catch((error: Error) => outcomes.push(error.name));
        try {
          req.clone();
        } catch (error) {
          outcomes.push((error as Error).name);
        }
      },
    });
    await expect(app.client().add.mutate([1, 2])).rejects.toMatchObject({ data: { code: 'BAD_REQUEST' } });
    expect(outcomes).toEqual([false, { 0: { json: [1, 2] } }, true, 'TypeError', 'TypeError', 'TypeError']);
  });

  it('reads no body of a GET as often as one likes', async () => {
    const texts: unknown[] = [];
    const app = await startApp(way, {
      onContext: async (req) => {
        texts.push(await req.text(), await req.text(), req.bodyUsed, await req.clone().text(), req.body);
      },
    });
    expect(await app.client().echo.query(1)).toEqual({ back: 1 });
    expect(texts).toEqual(['', '', false, '', null]);
  });

  it("takes cookies from the client's headers", async () => {
    const cookies: (string | null)[] = [];
    const app = await startApp(way, {
      onContext: (req) => {
        cookies.push(req.headers.get('cookie'));
      },
    });
    await app.client({ headers: { cookie: 'session=1' } }).echo.query(1);
    expect(cookies).toEqual(['session=1']);
  });
});
