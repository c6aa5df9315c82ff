// The page that shows it: buttons, and what came of them.
import { begin, finish } from './sign-in.js';

const show = (text) => (document.querySelector('#shown').textContent = text);
for (const button of document.querySelectorAll('button')) {
  button.addEventListener('click', () => begin(location.origin, button.value, location.origin + location.pathname));
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
