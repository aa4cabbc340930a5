/**
 * Programs on Windows: their permissions, their end, their Workers.
 *
 * @module
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { runDeno, runDenoOk } from "../support/run.ts";
import { ffi, type Need, read, run } from "../support/skip.ts";
import { windowsTest } from "./support.ts";

const NEEDS: Need[] = [ffi, read, run];
const FOLDER = "C:\\Windows\\System32";
const PATHS = ["iphlpapi.dll", "kernel32.dll", "ws2_32.dll"].map((file) => `${FOLDER}\\${file}`);
const FLAG = `--allow-ffi=${PATHS.join()}`;
const WATCH = ["examples/watch.ts", "--once", "--json"];

windowsTest({
  name: "a grant of the three libraries is enough, and no wider one is needed",
  needs: NEEDS,
  async fn() {
    for (const flag of [FLAG, `--allow-ffi=${FOLDER}`, "--allow-ffi"]) {
      const { stdout } = await runDenoOk(["run", "--no-prompt", "--no-check", flag, ...WATCH]);
      const { state } = JSON.parse(stdout);
      assertEquals(state.knows, { links: true, addressFlags: true, routes: true }, flag);
      const nics: { kind: string }[] = Object.values(state.interfaces);
      assert(nics.some(({ kind }) => kind === "loopback"), flag);
    }
  },
});

windowsTest({
  name: "without the permission the error names the flag",
  needs: NEEDS,
  async fn() {
    for (const flags of [[], [`--allow-ffi=${PATHS[0]}`], ["--deny-ffi"]]) {
      const { code, stderr } = await runDeno([
        "run",
        "--no-prompt",
        "--no-check",
        ...flags,
        ...WATCH,
      ]);
      assertEquals(code, 1);
      assertStringIncludes(stderr, `${FLAG} is needed to open `);
    }
  },
});

windowsTest({
  name: "without the permission for libraries, but with that for polling, it polls",
  needs: NEEDS,
  async fn() {
    const flags = ["--no-prompt", "--no-check", "--allow-sys=networkInterfaces"];
    const { stdout } = await runDenoOk(["run", ...flags, ...WATCH]);
    assertEquals(JSON.parse(stdout).state.knows.links, false);
  },
});

for (const program of ["unpersistent", "unref'd", "closed", "closed while unref'd"]) {
  windowsTest({
    name: `a program whose monitor is ${program} ends`,
    needs: NEEDS,
    async fn() {
      const args = ["--no-check", "-A", "tests/support/programs/end.ts", program];
      const { stdout } = await runDenoOk(["run", ...args], { deadlineMs: 20_000 });
      assertEquals(stdout.trim(), "ready");
    },
  });
}

windowsTest({
  name: "a terminated Worker leaves a process that works",
  needs: NEEDS,
  async fn() {
    const { stdout } = await runDenoOk(["run", "--no-check", "-A", "tests/windows/workers.ts"]);
    assertEquals(stdout.trim(), "1 interface: net0, 2 addresses");
  },
});

windowsTest({
  name: "a Worker that is terminated during a read does not unload a library in use",
  needs: NEEDS,
  async fn() {
    const args = ["run", "--no-check", "-A", "tests/windows/reading_worker.ts"];
    const { stdout } = await runDenoOk(args);
    assertEquals(stdout.trim(), "alive");
  },
});
