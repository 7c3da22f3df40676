/** All entries of all pages, each page asked for when it is reached. */
export async function* entries<Request extends { pageToken?: string }, Page extends { nextPageToken: string }, Entry>(
  request: Request,
  ask: (request: Request) => Promise<Page>,
  entriesOf: (page: Page) => Entry[],
): AsyncGenerator<Entry, void, undefined> {
  let pageToken = request.pageToken ?? "";
  do {
    const page = await ask({ ...request, pageToken });
    yield* entriesOf(page);
    pageToken = page.nextPageToken;
  } while (pageToken);
}
