/** Where this package was loaded from. */

/**
 * The URL of a module of ours, if it is of another origin than the page: of a relay, most often. What a bundler put in
 * the place of the URL, such as a path on the machine that it ran on, is nobody's origin.
 */
export function foreignHome(module: string, pageOrigin: string): URL | undefined {
  const home = new URL(module);
  return /^https?:$/.test(home.protocol) && home.origin !== pageOrigin ? home : undefined;
}
