"""The page itself: four tabs of Gradio's components."""

from serkeras.app import _gradio, about, actions, pieces, words
from serkeras.app.limits import spoken
from serkeras.app.uploads import FORGET_S

# Each holds one of Gradio's 40 threads' turns for as long as the microphone is on.
_LISTENING = 20


def build(desk, looks):
    """Return the page.

    Args:
        desk: `serkeras.app.desk.Desk`.
        looks: dictionary of the theme and the style sheet, for versions that want them here.

    Returns:
        `gradio.Blocks`.
    """
    gr = _gradio.load()
    synthetic = words.is_synthetic(about.data_of(desk))
    settings = {
        "title": words.title(synthetic),
        "analytics_enabled": False,
        "delete_cache": (60, FORGET_S),
    }
    with gr.Blocks(**settings, **_gradio.known(gr.Blocks, looks)) as blocks:
        gr.HTML(words.header(desk.name, desk.recogniser.labels, synthetic))
        for name, fill in _TABS.items():
            with gr.Tab(name, id=name):
                gr.HTML(words.warning(synthetic))
                fill(gr, desk)
    return blocks


def _recording(gr, label, sources, streaming=False):
    """Return a control for a recording that takes files of its own visitor only."""
    # The other button would send the recording to a forum.
    buttons = _gradio.known(gr.Audio, {"buttons": ["download"], "show_share_button": False})
    made = gr.Audio(
        label=label,
        sources=sources,
        type="filepath",
        streaming=streaming,
        editable=False,
        **buttons,
    )
    return _gradio.refuse_addresses(made)


def _clip(gr, desk):
    most = f"at most {desk.limits.megabytes:g} MB, {spoken(desk.limits.clip_s)}"
    clip = _recording(gr, f"Recording ({most})", ["upload", "microphone"])
    answer = gr.HTML(pieces.hint("Upload a recording, or record one, and its bars come here."))
    picture = gr.HTML()
    _on(clip.change, lambda path: actions.hear(desk, path), [clip], [answer])
    _on(clip.change, lambda path: actions.explain(desk, path), [clip], [picture])


def _live(gr, desk):
    microphone = _recording(gr, "Microphone", ["microphone"], streaming=True)
    shown = gr.HTML(pieces.hint("Press Record and speak; the newest minute moves here."))
    live = gr.State(None, time_to_live=FORGET_S)

    def listen(path, state):
        state, html = actions.listen(desk, state, path)
        return state, gr.skip() if html is None else html

    _on(
        microphone.stream, listen, [microphone, live], [live, shown],
        stream_every=0.5, show_progress="hidden", concurrency_limit=_LISTENING,
    )  # fmt: skip
    _on(microphone.start_recording, lambda: None, [], [live])
    _on(microphone.stop_recording, actions.stop, [live], [shown])
    gr.HTML('<h2 class="ser-second">Timeline of a long recording</h2>')
    most = f"at most {desk.limits.megabytes:g} MB, {desk.limits.timeline_min:g} min"
    long = _gradio.refuse_addresses(
        gr.File(label=f"Recording ({most})", type="filepath", height=140)
    )
    found = gr.HTML()
    _on(long.change, lambda path: actions.timeline(desk, path), [long], [found])


def _batch(gr, desk):
    most = f"at most {desk.limits.files}, {spoken(desk.limits.clip_s)} each"
    files = _gradio.refuse_addresses(
        gr.File(label=f"Recordings ({most})", type="filepath", file_count="multiple", height=200)
    )
    found = gr.HTML()
    _on(files.change, lambda paths: actions.batch(desk, paths), [files], [found])


def _about(gr, desk):
    gr.HTML(about.about(desk))


_TABS = {"Clip": _clip, "Live": _live, "Batch": _batch, "About": _about}


def _on(event, function, inputs, outputs, **more):
    event(function, inputs, outputs, **_gradio.unlisted(event), **more)
