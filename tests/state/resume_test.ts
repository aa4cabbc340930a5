import { assertEquals } from "@std/assert";
import { resumeBetween, sleptLongBetween } from "../../state/diff.ts";
import { state } from "../support/states.ts";

type Resume = { at: number; sleptMs: number } | null;

const ROWS: [name: string, before: Resume, after: Resume, found: Resume, long: boolean][] = [
  ["never slept", null, null, null, false],
  ["slept for the first time", null, { at: 9, sleptMs: 100 }, { at: 9, sleptMs: 100 }, false],
  ["slept for long", null, { at: 9, sleptMs: 600_000 }, { at: 9, sleptMs: 600_000 }, true],
  ["a little less", null, { at: 9, sleptMs: 599_999 }, { at: 9, sleptMs: 599_999 }, false],
  ["not again", { at: 9, sleptMs: 600_000 }, { at: 9, sleptMs: 600_000 }, null, false],
  ["again, as long", { at: 9, sleptMs: 600_000 }, { at: 10, sleptMs: 600_000 }, {
    at: 10,
    sleptMs: 600_000,
  }, true],
  ["again, at a clock set back", { at: 9, sleptMs: 100 }, { at: 3, sleptMs: 100 }, {
    at: 3,
    sleptMs: 100,
  }, false],
  ["the same moment, another length", { at: 9, sleptMs: 1 }, { at: 9, sleptMs: 2 }, {
    at: 9,
    sleptMs: 2,
  }, false],
  ["forgotten", { at: 9, sleptMs: 600_000 }, null, null, false],
];

Deno.test("resumeBetween() and sleptLongBetween() of two states", async (t) => {
  for (const [name, before, after, found, long] of ROWS) {
    await t.step(name, () => {
      const [previous, next] = [state({}, before), state({}, after)];
      assertEquals(resumeBetween(previous, next), found);
      assertEquals(sleptLongBetween(previous, next), long);
    });
  }
});
