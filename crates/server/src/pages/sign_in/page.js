// The page that shows it: buttons, and what came of them.
import { begin, finish } from './sign-in.js';

const show = (text) => (document.querySelector('#shown').textContent = text);
for (const button of document.querySelectorAll('button')) {
  button.addEventListener('click', async () => {
    // The platform leads back to menjin's own name, whatever name this page goes by: the cookie must be of that one.
    const { issuer } = await (await fetch('/dev/info')).json();
    begin(issuer, button.value, location.origin + location.pathname);
  });
}
try {
  const answer = await finish(location.origin);
  if (answer) {
    show(JSON.stringify(answer.user, null, 2));
    document.body.dataset.user = answer.user.id;
  }
} catch (error) {
  show(error.message);
  document.body.dataset.error = error.message;
}
