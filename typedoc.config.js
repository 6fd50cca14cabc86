/**
 * npm run docs: the API reference, one module for each entry of package.json, into .cache/docs. Fails where an
 * export, or a member of one, has no documentation.
 */
import { readFileSync } from 'node:fs';

/** @type {{ exports: Record<string, { default: string } | string> }} */
const manifest = JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8'));
const built = Object.values(manifest.exports).flatMap((target) =>
  typeof target === 'string' ? [] : target.default,
);

/** @type {Partial<import('typedoc').TypeDocOptions>} */
export default {
  entryPoints: built.map((file) => file.replace('./dist/', 'src/').replace(/\.js$/, '.ts')),
  tsconfig: 'tsconfig.build.json',
  out: '.cache/docs',
  readme: 'README.md',
  excludeInternal: true,
  excludePrivate: true,
  excludeExternals: true,
  validation: { notDocumented: true, notExported: true, invalidLink: true },
  requiredToBeDocumented: ['Class', 'Interface', 'TypeAlias', 'Function', 'Variable', 'Enum'],
  // Parts of signatures, which nobody needs to name.
  intentionallyNotExported: [
    ...['AnyEvent', 'DefaultParams', 'HeadersOption', 'MaybePromise', 'MiddlewareOptions', 'SchemaOutput'],
    ...['BetaMessagesWithoutModel', 'ChatWithoutModel', 'MessagesWithoutModel'],
  ],
  // Methods of other people's objects, of which these types say what is used.
  intentionallyNotDocumented: members({
    'adapter/server.NodeRequest': ['iterator', 'resume'],
    'adapter/server.NodeResponse': [
      ...['setHeader', 'appendHeader', 'flushHeaders', 'write', 'end', 'destroy', 'once', 'off'],
    ],
    'session.IoredisClient': ['call', 'pipeline', 'pipeline.__type.exec'],
    'session.NodeRedisClient': ['eval'],
    'session.ValkeyGlideClient': ['customCommand'],
    'session.ScriptRunner': ['run'],
  }),
  treatValidationWarningsAsErrors: true,
  githubPages: false,
  disableGit: true,
  sourceLinkTemplate: '{path}',
};

/**
 * @param {Readonly<Record<string, readonly string[]>>} names
 * @returns {string[]} each as `Type.member`
 */
function members(names) {
  return Object.entries(names).flatMap(([type, own]) => own.map((member) => `${type}.${member}`));
}
