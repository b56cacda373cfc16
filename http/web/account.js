// The page to which links from mails lead: whoever has the secret chooses a password.
'use strict';
(() => {
  const by = (id) => document.getElementById(id);
  const form = by('account');
  const secret = location.hash.slice(1);
  history.replaceState(null, '', location.pathname); // it need not stand in the address bar any longer

  const fail = (text) => { by('problem').textContent = text; };

  // call answers the body of a good response; a refusal is shown, and answers null.
  const call = async (path, body) => {
    fail('');
    try {
      const response = await fetch(path, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'Accept-Language': document.documentElement.lang },
        body: JSON.stringify(body),
      });
      const answer = response.status === 204 ? {} : await response.json();
      if (response.ok) return answer;
      if (answer.code === 'code_required') by('code-label').hidden = false;
      fail(answer.detail || answer.title);
    } catch {
      fail(form.dataset.away);
    }
    return null;
  };

  const begin = async () => {
    if (!secret) {
      form.hidden = true;
      fail(form.dataset.incomplete);
      return;
    }
    if (!form.dataset.lookUp) {
      by('email').parentElement.hidden = true;
      return;
    }
    const found = await call(form.dataset.lookUp, { secret });
    if (found) by('email').value = found.email;
    else form.hidden = true;
  };

  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const body = { secret, password: by('password').value };
    if (by('code').value) body.code = by('code').value;
    by('send').disabled = true;
    const done = await call(form.dataset.submit, body);
    by('send').disabled = false;
    if (!done) return;
    form.hidden = true;
    by('done').hidden = false;
  });

  begin();
})();
