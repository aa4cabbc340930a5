/**
 * The program `dashboard` and a browser that shows its page.
 *
 * @module
 */
import { type Browser, chromium, type Page } from "playwright-core";
import { denoProgram, type Program } from "../../support/program.ts";

/** Starts the program and returns it with the port that it listens on. */
export async function startDashboard(port = 0): Promise<{ program: Program; port: number }> {
  const flags = ["--allow-ffi", "--allow-net"];
  const program = denoProgram(["run", ...flags, "examples/dashboard.ts", `--port=${port}`]);
  const [, listens] = await program.until(/Open http:\/\/127\.0\.0\.1:(\d+)\/ /);
  return { program, port: Number(listens) };
}

/** Starts Chromium. Without its own sandbox, which the root of a user namespace cannot set up. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
}

/** What the page writes to its console, and its uncaught errors and violations of its policy. */
export function complaintsOf(page: Page): string[] {
  const complaints: string[] = [];
  page.on("console", (message) => {
    if (message.type() !== "log") complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  return complaints;
}
