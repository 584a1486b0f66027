"""A device that is none: its tensors live in main memory, but refuse to meet those of the CPU, as those of CUDA do.

To register it changes torch for good, for the whole process.
"""

from functools import partial

import torch
from torch.utils._pytree import tree_leaves, tree_map

NAME = "pretend"
CPU = torch.device("cpu")
ATEN = torch.ops.aten
# They change the shape of a tensor itself, which the one around it has to follow.
RESHAPES = {
    f"aten::{name}_" for name in ("squeeze", "unsqueeze", "t", "transpose", "swapaxes", "swapdims", "as_strided")
}
# A tensor of CUDA takes indices that are on the CPU; the other way round, it does not.
INDEXING = {f"aten::{name}" for name in ("index", "index_put", "index_put_", "_index_put_impl_")}


class PretendTensor(torch.Tensor):
    """A tensor of the device, around the one of the CPU that holds its numbers."""

    @staticmethod
    def __new__(cls, held):
        self = torch.Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            layout=held.layout,
            device=torch.device(NAME, 0),
        )
        self.held = held
        return self

    def tolist(self):
        return self.cpu().tolist()

    def __repr__(self, **_):
        return f"PretendTensor({self.held!r})"

    @classmethod
    def __torch_dispatch__(cls, op, types, args=(), kwargs=None):
        return dispatch(op, args, kwargs or {})


def dispatch(op, args, kwargs):
    """Run an operation on what the tensors hold, unless it would fail on a device."""
    if op is ATEN._to_copy.default:
        return copied(*args, **kwargs)
    if op is ATEN.copy_.default:
        return copy_into(*args)
    if op is ATEN._local_scalar_dense.default:
        return op(args[0].held)
    if op._schema.name in RESHAPES:
        op(args[0].held, *args[1:], **kwargs)
        with torch._C._DisableTorchDispatch():
            op(*args, **kwargs)
        return args[0]
    refuse_mixtures(op, args, kwargs)
    found = op(*tree_map(held_by, args), **tree_map(held_by, kwargs))
    if "device" in kwargs and kwargs["device"] is not None and torch.device(kwargs["device"]).type == "cpu":
        return found
    around = {id(one.held): one for one in tree_leaves((args, kwargs)) if isinstance(one, PretendTensor)}
    return tree_map(partial(wrapped, around=around), found)


def held_by(value):
    if isinstance(value, torch.device):
        return CPU
    return value.held if isinstance(value, PretendTensor) else value


def wrapped(value, around):
    """Return a result as a tensor of the device; what was changed in place is the same as before."""
    if not isinstance(value, torch.Tensor):
        return value
    return around[id(value)] if id(value) in around else PretendTensor(value)


def copied(values, device=None, pin_memory=None, **others):
    stays = isinstance(values, PretendTensor) if device is None else torch.device(device).type == NAME
    copy = ATEN._to_copy.default(held_by(values), device=CPU, **others)
    return PretendTensor(copy) if stays else copy


def copy_into(target, values, non_blocking=False):
    held_by(target).copy_(held_by(values))
    return target


def refuse_mixtures(op, args, kwargs):
    indexing = op._schema.name in INDEXING
    if indexing and is_on_cpu(args[0]):
        raise RuntimeError(
            f"indices should be either on cpu or on the same device as the indexed tensor (cpu), in {op}"
        )
    for value in tree_leaves((args, kwargs)):
        if is_on_cpu(value) and value.dim() and not indexing:
            raise RuntimeError(f"Expected all tensors to be on the same device, but found {NAME}:0 and cpu in {op}")
    refuse_generators(op, args, kwargs)


def is_on_cpu(value):
    return isinstance(value, torch.Tensor) and not isinstance(value, PretendTensor)


def refuse_generators(op, args, kwargs):
    for value in tree_leaves((args, kwargs)):
        if isinstance(value, torch.Generator):
            raise RuntimeError(f"Expected a '{NAME}' device type for generator but found '{value.device}' in {op}")


class Module:
    """What `torch.pretend` is."""

    @staticmethod
    def is_available():
        return True

    is_initialized = is_available

    @staticmethod
    def device_count():
        return 1

    @staticmethod
    def current_device():
        return 0

    @staticmethod
    def _is_in_bad_fork():
        return False

    @staticmethod
    def manual_seed_all(seed):
        pass

    @staticmethod
    def get_amp_supported_dtype():
        return [torch.float16]


def register():
    """Make "pretend" the name of a device of torch, in this process, once and for all."""
    # Older versions of torch have no such devices.
    from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

    _setup_privateuseone_for_python_backend(NAME, backend_module=Module())
    library = torch.library.Library("aten", "IMPL")
    for op in factories():
        library.impl(op._name.removeprefix("aten::").removesuffix(".default"), partial(made, op), "PrivateUse1")
    library.impl("_copy_from", lambda values, target, non_blocking=False: copy_into(target, values), "PrivateUse1")
    return library


def factories():
    """Return the operations that make a tensor of nothing."""
    for name in torch._C._dispatch_get_all_op_names():
        if name.startswith("aten::"):
            packet, _, overload = name.removeprefix("aten::").partition(".")
            op = getattr(getattr(ATEN, packet, None), overload or "default", None)
            if op is not None and makes_tensors(op._schema):
                yield op


def makes_tensors(schema):
    return (
        any(argument.name == "device" for argument in schema.arguments)
        and not any("Tensor" in str(argument.type) for argument in schema.arguments)
        and [str(result.type) for result in schema.returns] == ["Tensor"]
    )


def made(op, *args, device=None, pin_memory=None, **kwargs):
    refuse_generators(op, args, kwargs)
    return PretendTensor(op(*args, device=CPU, **kwargs))
