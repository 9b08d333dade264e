// Asks the browser for a passkey when the form is sent, and sends its answer.
(function () {
  "use strict";
  function why(form, sentence) {
    const place = form.querySelector(".why-not");
    if (place) { place.textContent = sentence; }
  }
  async function ask(form) {
    const options = JSON.parse(form.dataset.options);
    if (!window.PublicKeyCredential || !PublicKeyCredential.parseCreationOptionsFromJSON) {
      throw new Error("This browser is too old for passkeys.");
    }
    if (form.dataset.passkey === "create") {
      return navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) });
    }
    return navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) });
  }
  document.querySelectorAll("form[data-passkey]").forEach(function (form) {
    form.addEventListener("submit", async function (event) {
      if (form.elements.answer.value) { return; }
      event.preventDefault();
      try {
        const credential = await ask(form);
        form.elements.answer.value = JSON.stringify(credential.toJSON());
        form.requestSubmit();
      } catch (error) {
        why(form, error.name === "NotAllowedError" ? "The passkey was not used; please try again." : error.message);
      }
    });
  });
})();
