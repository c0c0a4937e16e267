"""The model `mmfusion`: branches out of one waveform, joined by unified attention."""
