"use strict";
/* Copying: [data-copy="#field"] copies a field; form[data-link] asks for a link and copies what it gets. */
(() => {
    const say = (root, words) => {
        const label = root.querySelector("[data-copy-label]");
        if (!label) return;
        const before = label.dataset.before || (label.dataset.before = label.textContent);
        label.textContent = words;
        setTimeout(() => { label.textContent = before; }, 2500);
    };

    for (const button of document.querySelectorAll("[data-copy]")) {
        button.addEventListener("click", async () => {
            const field = document.querySelector(button.dataset.copy);
            field.select();
            try {
                await navigator.clipboard.writeText(field.value);
                say(button, "Copied");
            } catch {
                say(button, "Press Ctrl+C");
            }
        });
    }

    for (const form of document.querySelectorAll("form[data-link]")) {
        form.addEventListener("submit", async (event) => {
            if (!navigator.clipboard) return; // the page that the form leads to shows the link instead
            event.preventDefault();
            try {
                const reply = await fetch(form.action, {
                    method: "POST", body: new FormData(form), headers: { Accept: "application/json" },
                });
                if (!reply.ok) throw new Error(String(reply.status));
                await navigator.clipboard.writeText((await reply.json()).url);
                say(form, "Copied, good for 1 h");
            } catch {
                say(form, "Not copied, try again");
            }
        });
    }
})();
