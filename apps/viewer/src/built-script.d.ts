// Scripts that the bundler builds apart: importing one gives its address.

declare module "*?worker&url" {
  const address: string;
  // biome-ignore lint/style/noDefaultExport: that is how bundlers hand addresses out.
  export default address;
}
