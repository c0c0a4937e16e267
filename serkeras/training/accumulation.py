"""The gradients of several batches averaged into one update: small batches act as a large one."""

from keras import ops


class Accumulating:
    """Averages the gradients of several batches into one update, and ends epochs with an update.

    Keras's `gradient_accumulation_steps` alone carry what is left over at the end of an epoch into
    the next one: what is validated and kept would lack its last batches, an epoch of few batches
    would change nothing, and the last ones of a fit would be lost. Here an update follows the
    last batch of an epoch too, with the mean of those that there are. Where loss scaling has left
    out batches of an epoch, its last ones join the next epoch.

    Args:
        *args: of the optimiser.
        batches: int, batches of an epoch; None for Keras's way.
        **kwargs: of the optimiser.
    """

    def __init__(self, *args, batches=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.batches = batches

    @property
    def _ends_epochs(self):
        return bool(self.gradient_accumulation_steps and self.batches)

    def build(self, variables):
        """Make the state; here, since a loaded optimiser comes this way too."""
        if self.built:
            return
        super().build(variables)
        if self._ends_epochs:
            self.position = self.add_variable((), "zeros", dtype="int", name="position")

    def begin_epoch(self):
        """Count the batches of an epoch from its first one."""
        if self._ends_epochs and self.built:
            self.position.assign(0)

    def apply(self, grads, trainable_variables=None):
        """Take gradients in; see `keras.optimizers.Optimizer.apply`."""
        if self._ends_epochs:
            if not self.built:
                self.build(list(trainable_variables))
            grads = self._filled_up(grads)
        super().apply(grads, trainable_variables)

    def _filled_up(self, grads):
        """At the end of an epoch, make as many batches as Keras waits for of those there are."""
        steps = self.gradient_accumulation_steps
        is_last = ops.equal(self.position + 1, self.batches)
        there = self._iterations % steps + 1
        missing = ops.where(is_last, steps - there, ops.zeros_like(there))
        # Keras divides by `steps`. A factor of 1 changes no bit in the other batches.
        factor = ops.where(is_last, steps / ops.cast(there, "float32"), 1.0)
        for gathered in self._accumulated_gradients:
            gathered.assign(gathered * ops.cast(factor, gathered.dtype))
        self._iterations.assign_add(missing)
        self.position.assign(ops.where(is_last, 0, self.position + 1))
        return [g if g is None else ops.multiply(g, ops.cast(factor, g.dtype)) for g in grads]

    def get_config(self):
        """Return the constructor's arguments."""
        return {**super().get_config(), "batches": self.batches}
