// Optional fields of the test kit.

/** The fields that are not undefined. Types without `exactOptionalPropertyTypes` let a test give undefined ones. */
export function defined<T extends object>(fields: T = {} as T): T {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as T;
}
