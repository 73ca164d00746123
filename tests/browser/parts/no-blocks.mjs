/** A relay that seems to give no blocks by HTTP. */

/** Its pages get everything over the connection. */
export const withoutBlocks = (context) => context.route("**/.well-known/mimei", strip);

async function strip(route) {
  const response = await route.fetch();
  const said = await response.json();
  delete said.blocks;
  await route.fulfill({ response, json: said });
}
