/**
 * The project's own rules for `deno lint`: an editor shows a breach where it is typed. They say which layer
 * may import which, what may touch the operating system and time, and how a module begins.
 *
 * @module
 */

/** The one file that may load a library, and the one that may start timers. */
const LIBRARY = "ffi/library.ts";
const SYSTEM_CLOCK = "actor/clock.ts";
/** The modules of `actor/` that may use the Deno namespace: for timers and HTTP clients. */
const DENO_IN_ACTOR = /^actor\/(clock|fetch)\.ts$/;

/** What users get, as in `publish.include` of `deno.json`. */
const PUBLISHED = /^(state|ffi|actor|examples\/watch)\/|^(mod|examples\/watch)\.ts$/;

const ENTRY_POINTS = new Set(
  ["mod.ts", "actor/fetch.ts", "actor/navigator.ts", "actor/testing.ts", "examples/watch.ts"],
);
const LINES_MAX = 400;

/** Which layers and packages a layer may import. A file at the root is a layer of its own. */
const LAYERS: Record<string, { readonly layers: RegExp; readonly packages: RegExp }> = {
  state: { layers: /^state$/, packages: /^$/ },
  ffi: { layers: /^(ffi|state)$/, packages: /^@std\/async\// },
  actor: { layers: /^(actor|state)$/, packages: /^@std\/(async\/|log\/get-logger$)/ },
  "mod.ts": { layers: /^(state|ffi|actor)$/, packages: /^@std\/async\// },
  examples: {
    layers: /^(examples|mod\.ts|state)$/,
    packages:
      /^(node:util$|@netwatch\/netwatch(\/(fetch|navigator|testing))?$|@std\/async\/|npm:@opentelemetry\/api@)/,
  },
};

/** Globals that a layer may not call: `state/` is pure, and `actor/` takes time from its clock. */
const IMPURE: Record<string, RegExp> = {
  state:
    /^(set(Timeout|Interval)|queueMicrotask|Date(\.now)?|performance\.\w+|Math\.random|crypto\.\w+)$/,
  actor: /^(set(Timeout|Interval)|Date\.now|performance\.\w+)$/,
};

const ROOT = new URL("../../", import.meta.url).pathname;

type Report = (node: Deno.lint.Node, message: string) => void;
type Visitor = Deno.lint.LintVisitor;

const plugin: Deno.lint.Plugin = {
  name: "netwatch",
  rules: {
    "layer-imports": rule((path, report) => {
      const check = (source: Deno.lint.Node | null) => {
        if (source?.type !== "Literal" || typeof source.value !== "string") return;
        const reason = forbiddenImport(path, source.value);
        if (reason !== null) report(source, reason);
      };
      return {
        ImportDeclaration: ({ source }) => check(source),
        ExportNamedDeclaration: ({ source }) => check(source),
        ExportAllDeclaration: ({ source }) => check(source),
        ImportExpression: ({ source }) => check(source),
        TSImportType: ({ argument }) =>
          check(argument.type === "TSLiteralType" ? argument.literal : null),
      };
    }),

    // Deno refuses them when a single library is granted (denoland/deno#15511).
    "no-unsafe-pointer": published((_path, report) =>
      denoUses((node, member) => {
        if (member === null) report(node, "Name the member: Deno.member");
        if (member?.startsWith("Unsafe")) {
          report(node, `Deno.${member} needs a blanket --allow-ffi`);
        }
      })
    ),

    "dlopen-in-library": published((path, report) =>
      denoUses((node, member) => {
        if (member === "dlopen" && path !== LIBRARY) {
          report(node, `Only ${LIBRARY} loads a library`);
        }
      })
    ),

    // Programs that list the network are slow: 64 s with 83 interfaces (systeminformation#1044).
    "no-child-process": published((_path, report) =>
      denoUses((node, member) => {
        if (/^(Command|run|spawn\w*)$/.test(member ?? "")) report(node, "Call the system instead");
      })
    ),

    "no-deno-namespace": rule((path, report) => {
      const layer = layerOf(path);
      if (layer !== "state" && layer !== "actor" || DENO_IN_ACTOR.test(path)) return {};
      return denoUses((node) => report(node, `${layer}/ must not use the Deno namespace`));
    }),

    "no-time-no-chance": rule((path, report) => {
      const impure = path === SYSTEM_CLOCK ? undefined : IMPURE[layerOf(path)];
      const check = ({ callee }: Deno.lint.CallExpression | Deno.lint.NewExpression) => {
        const name = calleeName(callee);
        if (impure?.test(name)) report(callee, `${layerOf(path)}/ must not use ${name}`);
      };
      return { CallExpression: check, NewExpression: check };
    }),

    // The importer would wait for it, and require() refuses such a module.
    "no-top-level-await": published((_path, report, sourceCode) => {
      const check = (node: Deno.lint.Node) => {
        const ancestors = sourceCode.getAncestors(node);
        if (ancestors.some(({ type }) => /Function(Declaration|Expression)$/.test(type))) return;
        report(node, "An import must not wait");
      };
      return { AwaitExpression: check, "ForOfStatement[await=true]": check };
    }),

    "module-comment": published((path, report, { text }) => ({
      Program(node) {
        const [comment = ""] = text.split("*/", 1);
        const isModule = comment.startsWith("/**") && comment.includes("@module");
        if (isModule || (!ENTRY_POINTS.has(path) && text.startsWith("// "))) return;
        report(node, "Begin with a comment that says what is here; with @module in an entry point");
      },
    })),

    "file-length": rule((path, report, { text }) => ({
      Program(node) {
        if (path.startsWith("tests/fixtures/")) return; // data
        const lines = text.trimEnd().split("\n").length;
        if (lines > LINES_MAX) report(node, `${lines} lines: the limit is ${LINES_MAX}`);
      },
    })),
  },
};

export default plugin;

/** A rule that gets the path from the root of the repository. */
function rule(
  create: (path: string, report: Report, sourceCode: Deno.lint.SourceCode) => Visitor,
): Deno.lint.Rule {
  return {
    create(context) {
      const path = context.filename.replaceAll("\\", "/").replace(ROOT, "");
      const report: Report = (node, message) => context.report({ node, message });
      return create(path, report, context.sourceCode);
    },
  };
}

/** The same for published modules only. */
function published(create: Parameters<typeof rule>[0]): Deno.lint.Rule {
  return rule((path, ...rest) => PUBLISHED.test(path) ? create(path, ...rest) : {});
}

/** Why the module may not import this; null if it may. */
function forbiddenImport(path: string, specifier: string): string | null {
  const layer = layerOf(path);
  const allowed = LAYERS[layer];
  if (allowed === undefined || allowed.packages.test(specifier)) return null;
  if (!specifier.startsWith(".")) return `${layer} must not import the package ${specifier}`;
  const to = new URL(specifier, `file:///${path}`).pathname.slice(1);
  if (!allowed.layers.test(layerOf(to))) return `${layer} must not import ${layerOf(to)}`;
  const [from, other] = [systemOf(path), systemOf(to)];
  if (from !== null && other !== null && from !== other) return `${from} must not import ${other}`;
  return null;
}

/** The first folder of a path; the file itself at the root. */
function layerOf(path: string): string {
  return path.split("/", 1)[0] ?? "";
}

/** The folder of one operating system that the path lies in. */
function systemOf(path: string): string | null {
  return /^ffi\/\w+(?=\/)/.exec(path)?.[0] ?? null;
}

/** Visits each use of the Deno namespace; the member is null if the code does not name it. */
function denoUses(visit: (node: Deno.lint.Node, member: string | null) => void): Visitor {
  return {
    "Identifier[name='Deno']"({ parent, range }: Deno.lint.Identifier) {
      if (parent.type === "TSQualifiedName") return visit(parent, parent.right.name);
      if (parent.type !== "MemberExpression") return visit(parent, null);
      const { property } = parent;
      if (property.range[0] === range[0]) return; // a property of something else
      visit(parent, memberName(parent));
    },
  };
}

/** `setTimeout` of `setTimeout()` and `globalThis.setTimeout()`, `Date.now` of `Date.now()`. */
function calleeName(callee: Deno.lint.Expression): string {
  if (callee.type === "Identifier") return callee.name;
  if (callee.type !== "MemberExpression") return "";
  const object = calleeName(callee.object);
  const member = memberName(callee) ?? "";
  return object === "globalThis" ? member : `${object}.${member}`;
}

/** The name of the property, as in `a.name` and `a["name"]`. */
function memberName({ computed, property }: Deno.lint.MemberExpression): string | null {
  if (!computed && property.type === "Identifier") return property.name;
  return property.type === "Literal" ? String(property.value) : null;
}
