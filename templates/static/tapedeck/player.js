"use strict";
/* The player of a recording's page: our controls around one <audio>, which fetches by Range. Nothing is fetched
   before the first press, since every listen is on record. */
(() => {
    const player = document.querySelector("[data-player]");
    if (!player) return;
    const find = (name) => player.querySelector(`[data-${name}]`);
    const audio = find("audio"), slider = find("slider"), play = find("play");
    const speeds = [...player.querySelectorAll("[data-speed]")];
    const told = Number(player.dataset.lengthMs) / 1000;
    let wanted = 0; // seconds; where to be once the sound is there
    let dragging = false;

    const loaded = () => audio.readyState >= HTMLMediaElement.HAVE_METADATA;
    const end = () => (loaded() && Number.isFinite(audio.duration) ? Math.max(audio.duration, told) : told);
    const position = () => (loaded() && !dragging ? audio.currentTime : wanted);

    const clock = (seconds) => {
        const whole = Math.floor(seconds), h = Math.floor(whole / 3600), m = Math.floor(whole / 60) % 60;
        const two = (n) => String(n).padStart(2, "0");
        return h ? `${h}:${two(m)}:${two(whole % 60)}` : `${m}:${two(whole % 60)}`;
    };
    const words = (seconds) => {
        const whole = Math.floor(seconds), m = Math.floor(whole / 60), s = whole % 60;
        const some = (n, unit) => `${n} ${unit}${n === 1 ? "" : "s"}`;
        return m ? `${some(m, "minute")} ${some(s, "second")}` : some(s, "second");
    };

    const show = () => {
        const at = position(), length = end(), part = length ? Math.min(at / length, 1) * 100 : 0;
        find("now").textContent = clock(at);
        find("fill").style.width = find("thumb").style.left = `${part}%`;
        slider.setAttribute("aria-valuemax", String(Math.floor(length)));
        slider.setAttribute("aria-valuenow", String(Math.floor(at)));
        slider.setAttribute("aria-valuetext", `${words(at)} of ${words(length)}`);
    };
    const showState = () => {
        find("play-icon").textContent = audio.paused ? "play_arrow" : "pause";
        play.setAttribute("aria-label", audio.paused ? "Play" : "Pause");
        play.classList.toggle("td-on", !audio.paused);
    };
    const fail = () => { find("failure").hidden = false; showState(); };

    const start = async () => {
        find("failure").hidden = true;
        if (!audio.src) audio.src = player.dataset.src;
        try {
            await audio.play();
        } catch (error) {
            if (error.name !== "AbortError") fail();
        }
    };
    const toggle = () => { if (audio.paused) start(); else audio.pause(); };
    const seek = (seconds) => {
        wanted = Math.min(Math.max(seconds, 0), end() || 0);
        if (loaded()) audio.currentTime = wanted;
        show();
    };
    const setSpeed = (button) => {
        for (const other of speeds) {
            other.setAttribute("aria-checked", String(other === button));
            other.tabIndex = other === button ? 0 : -1;
        }
        audio.playbackRate = audio.defaultPlaybackRate = Number(button.dataset.speed);
    };
    const stepSpeed = (by) => {
        const now = speeds.findIndex((button) => button.getAttribute("aria-checked") === "true");
        const next = speeds[Math.min(Math.max(now + by, 0), speeds.length - 1)];
        setSpeed(next);
        return next;
    };

    play.addEventListener("click", toggle);
    for (const button of player.querySelectorAll("[data-skip]")) {
        button.addEventListener("click", () => seek(position() + Number(button.dataset.skip)));
    }
    for (const button of speeds) {
        button.addEventListener("click", () => setSpeed(button));
        button.addEventListener("keydown", (event) => {
            const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
            if (!by) return;
            event.preventDefault();
            event.stopPropagation();
            stepSpeed(by).focus();
        });
    }
    find("again").addEventListener("click", () => {
        wanted = position();
        audio.removeAttribute("src");
        audio.load();
        start();
    });

    const at = (event) => {
        const box = slider.getBoundingClientRect();
        return ((event.clientX - box.left) / box.width) * end();
    };
    slider.addEventListener("pointerdown", (event) => {
        dragging = true;
        slider.setPointerCapture(event.pointerId);
        wanted = Math.min(Math.max(at(event), 0), end());
        show();
    });
    slider.addEventListener("pointermove", (event) => {
        if (!dragging) return;
        wanted = Math.min(Math.max(at(event), 0), end());
        show();
    });
    for (const type of ["pointerup", "pointercancel"]) {
        slider.addEventListener(type, () => {
            if (!dragging) return;
            dragging = false;
            seek(wanted);
        });
    }

    audio.addEventListener("loadedmetadata", () => { if (wanted) audio.currentTime = wanted; show(); });
    audio.addEventListener("timeupdate", () => { if (!dragging) wanted = audio.currentTime; show(); });
    audio.addEventListener("error", () => { if (audio.getAttribute("src")) fail(); });
    for (const type of ["play", "pause", "ended"]) audio.addEventListener(type, showState);

    const keys = {
        " ": toggle,
        ArrowLeft: (event) => seek(position() - (event.shiftKey ? 10 : 5)),
        ArrowRight: (event) => seek(position() + (event.shiftKey ? 10 : 5)),
        Home: () => seek(0),
        End: () => seek(end()),
        "<": () => stepSpeed(-1),
        ">": () => stepSpeed(1),
        c: () => document.querySelector("form[data-link]")?.requestSubmit(),
    };
    document.addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.altKey || event.metaKey || event.defaultPrevented) return;
        const target = event.target;
        if (target.closest("input, textarea, select, [contenteditable], dialog")) return;
        if (event.key === " " && target.closest("button, a, summary")) return;
        const act = keys[event.key];
        if (!act) return;
        event.preventDefault();
        act(event);
    });
    show();
})();
