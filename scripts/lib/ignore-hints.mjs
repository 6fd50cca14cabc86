/**
 * For Stryker: what a refusal's `hint` says is for the server's log alone, and no test should hold on to its words.
 * (A plugin as @stryker-mutator/api declares it, which is not installed where this file could find it.)
 */
export const strykerPlugins = [
  {
    kind: 'Ignore',
    name: 'hints',
    value: {
      /** @param {{ node: { type: string, key?: { name?: string } } }} path */
      shouldIgnore({ node: { type, key } }) {
        return type === 'ObjectProperty' && key?.name === 'hint' ? 'words for the log' : undefined;
      },
    },
  },
];
