/**
 * Questions to the syntax tree of a module, so that comments and texts do not count as code.
 *
 * @module
 */

/** What was found, and where: `"Deno.dlopen (line 12)"`. */
export type Finding = string;

/** Every use of the `Deno` namespace, in values and in types. */
export function denoUses(path: string, source: string): Finding[] {
  return find(path, source, (report) => ({
    "Identifier[name='Deno']": (node: Deno.lint.Identifier) => {
      const { parent } = node;
      const isPath = parent.type === "MemberExpression" || parent.type === "TSQualifiedName";
      report(isPath ? parent : node);
    },
  }));
}

/** Every call of a global function of one of the names. */
export function globalCalls(path: string, source: string, names: readonly string[]): Finding[] {
  return find(path, source, (report) => ({
    CallExpression: ({ callee }: Deno.lint.CallExpression) => {
      if (names.includes(calleeName(callee))) report(callee);
    },
  }));
}

/** Every `await` that the import of the module would wait for. */
export function topLevelAwaits(path: string, source: string): Finding[] {
  return find(path, source, (report) => ({
    AwaitExpression: (node: Deno.lint.AwaitExpression) => {
      if (!isInFunction(node)) report(node);
    },
    ForOfStatement: (node: Deno.lint.ForOfStatement) => {
      if (node.await && !isInFunction(node)) report(node.left);
    },
  }));
}

type Report = (node: Deno.lint.Node) => void;

function find(
  path: string,
  source: string,
  visitorOf: (report: Report) => Deno.lint.LintVisitor,
): Finding[] {
  const plugin: Deno.lint.Plugin = {
    name: "syntax",
    rules: {
      find: {
        create(context) {
          return visitorOf((node) => {
            context.report({ node, message: context.sourceCode.getText(node) });
          });
        },
      },
    },
  };
  return Deno.lint.runPlugin(plugin, path, source)
    .map(({ message, range }) => `${message} (line ${lineOf(source, range[0])})`);
}

function calleeName(callee: Deno.lint.Expression): string {
  if (callee.type === "Identifier") return callee.name;
  if (callee.type !== "MemberExpression") return "";
  const { object, property } = callee;
  if (object.type !== "Identifier" || property.type !== "Identifier") return "";
  return object.name === "globalThis" ? property.name : `${object.name}.${property.name}`;
}

function isInFunction(node: Deno.lint.Node): boolean {
  for (let at: Deno.lint.Node | null = node; at !== null; at = parentOf(at)) {
    if (at.type === "FunctionDeclaration" || at.type === "FunctionExpression") return true;
    if (at.type === "ArrowFunctionExpression") return true;
  }
  return false;
}

function parentOf(node: Deno.lint.Node): Deno.lint.Node | null {
  return "parent" in node ? node.parent as Deno.lint.Node | null : null;
}

function lineOf(source: string, offset: number): number {
  return source.slice(0, offset).split("\n").length;
}
