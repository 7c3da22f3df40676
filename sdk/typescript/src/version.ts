/** Version of this package; a test says that package.json has the same. */
export const VERSION = "0.1.0";

export const USER_AGENT = `litebox-partner-typescript/${VERSION}`;
