/**
 * Imports the modules of the arguments, where everything that needs a permission is an error, and prints how
 * many they were.
 *
 * @module
 */

function forbidden(what: string): () => never {
  return () => {
    throw new Error(`${what} was called at import`);
  };
}

async function main(): Promise<void> {
  const traps: [object, string[]][] = [
    [Deno, ["dlopen", "networkInterfaces", "readTextFileSync", "readFileSync", "statSync"]],
    [Deno.permissions, ["query", "querySync", "request", "requestSync"]],
    [Deno.env, ["get", "has", "toObject"]],
  ];
  for (const [object, names] of traps) {
    for (const name of names) Object.assign(object, { [name]: forbidden(name) });
  }
  for (const url of Deno.args) await import(url);
  console.log(Deno.args.length);
}

main();
