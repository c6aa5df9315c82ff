// Sign-in by redirect, whole: for a page without a build, as docs/web-sign-in.md has it.

const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
const random = () => base64url(crypto.getRandomValues(new Uint8Array(32)));

/** Leaves for the platform. `menjin` is where menjin is, `page` is one of the app's redirect_uris. */
export async function begin(menjin, app, page) {
  const [state, verifier] = [random(), random()];
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(verifier));
  sessionStorage.setItem(`sign-in ${state}`, JSON.stringify({ app, verifier }));
  const url = new URL(`${menjin}/v1/login/${app}/start`);
  url.searchParams.set('redirect_uri', page);
  url.searchParams.set('state', state);
  url.searchParams.set('code_challenge', base64url(new Uint8Array(digest)));
  url.searchParams.set('code_challenge_method', 'S256');
  location.assign(url);
}

/** Back on the page: the login answer, or `null` when nobody has come back, or this return was dealt with before. */
export async function finish(menjin) {
  const query = new URLSearchParams(location.search);
  const state = query.get('state');
  if (!state) return null;
  // A code has no business in the history, and a reload none with it.
  history.replaceState(null, '', location.pathname);
  const begun = JSON.parse(sessionStorage.getItem(`sign-in ${state}`));
  sessionStorage.removeItem(`sign-in ${state}`);
  if (!begun) return null;
  if (query.has('error')) throw new Error(query.get('error_description'));
  const answer = await fetch(`${menjin}/v1/login/${begun.app}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': state },
    body: JSON.stringify({ code: query.get('code'), code_verifier: begun.verifier, device: { class: 'pc' } }),
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail);
  return body;
}
