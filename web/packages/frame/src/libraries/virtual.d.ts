declare module 'virtual:libraries' {
  /** Name, pattern of addresses without their scheme, file beside this page's own; the first that fits counts. */
  const rules: [name: string, pattern: string, file: string][];
  export default rules;
}
