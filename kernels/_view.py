"""How compiled code sees the state: a pointer to a table of array addresses.

A NamedTuple of fifty arrays is passed to each function by value, some 350 words a call,
and its type alone is kilobytes in every symbol: a cold compile took minutes. As a pointer
it takes seconds, and a load from the table is marked invariant, so that LLVM keeps it in
a register. Without the JIT the NamedTuple itself is used, by the same names.

An index into these arrays is never negative, so unlike NumPy's theirs are not wrapped
around: that saves a load, a comparison and a select at each access (unless bounds are
checked, when ordinary arrays are used).
"""

import operator

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    infer_getattr,
    intrinsic,
    lower_builtin,
    lower_getattr_generic,
    models,
    register_model,
)
from numba.np import arrayobj

WORDS = 3  # a row of the table: address and up to two dimensions


class StateType(types.Opaque):
    """Type of the pointer."""


STATE = StateType("State")
register_model(StateType)(models.OpaqueModel)


class Table(types.Array):
    """Type of an array of the state: indices count from 0."""


class Settings(types.Record):
    """Type of the record of settings: but for those named, nothing changes during a call."""

    changing = frozenset()


_fields = {}  # name -> (row, array type)


def declare(layout, settings="", changing=()):
    """Fix the names, element types and dimensions of the arrays, in order.

    ``settings`` is the name of the array of settings, if there is one; ``changing`` are those of
    its fields that kernels write.
    """
    kind = types.Array if numba.config.BOUNDSCHECK else Table
    Settings.changing = frozenset(changing)
    for row, (name, (dtype, ndim)) in enumerate(layout.items()):
        if name in _fields:
            raise ValueError(f"two layouts have an array {name!r}: its row would be ambiguous")
        element_type = numba.from_dtype(np.dtype(dtype))
        if name == settings:
            fields = [(key, field._asdict()) for key, field in element_type.fields.items()]
            element_type = Settings(fields, element_type.size, element_type.aligned)
        _fields[name] = row, kind(element_type, ndim, "C")


def table(arrays):
    """Return the table of a sequence of arrays, which must outlive it."""
    rows = np.zeros((len(arrays), WORDS), np.int64)
    for row, array in zip(rows, arrays, strict=True):
        row[0] = array.ctypes.data
        row[1 : 1 + array.ndim] = array.shape
    return rows.ravel()


@infer_getattr
class StateAttribute(AttributeTemplate):
    """``state.name`` is an array."""

    key = StateType

    def generic_resolve(self, typ, attr):
        """Return the type of an attribute."""
        return _fields[attr][1] if attr in _fields else None


@lower_getattr_generic(StateType)
def get_array(context, builder, typ, value, attr):
    """Build the array of an attribute from its row of the table."""
    row, array_type = _fields[attr]
    word = ir.IntType(64)
    words = builder.bitcast(value, word.as_pointer())
    numbers = []
    for k in range(1 + array_type.ndim):
        load = builder.load(cgutils.gep_inbounds(builder, words, row * WORDS + k))
        load.set_metadata("invariant.load", builder.module.add_metadata([]))
        numbers.append(load)
    array = context.make_array(array_type)(context, builder)
    itemsize = (
        context.get_constant(types.intp, array_type.dtype.bitwidth // 8)
        if isinstance(array_type.dtype, types.Integer)
        else context.get_constant(types.intp, array_type.dtype.size)
    )
    shape = numbers[1:]
    strides = [itemsize]
    for size in reversed(shape[1:]):
        strides.insert(0, builder.mul(strides[0], size))
    arrayobj.populate_array(
        array,
        data=builder.inttoptr(numbers[0], array.data.type),
        shape=shape,
        strides=strides,
        itemsize=itemsize,
        meminfo=None,
    )
    return array._getvalue()


register_model(Table)(models.ArrayModel)
register_model(Settings)(models.RecordModel)


@lower_builtin("static_getitem", Settings, types.StringLiteral)
def get_setting(context, builder, sig, args):
    """Load a setting; one that does not change is loaded once and kept."""
    typ, name = sig.args[0], args[1]
    pointer = cgutils.get_record_member(
        builder, args[0], typ.offset(name), context.get_data_type(typ.typeof(name))
    )
    load = builder.load(pointer)
    if name not in Settings.changing:
        load.set_metadata("invariant.load", builder.module.add_metadata([]))
    return load


def element(context, builder, array_type, array, indices):
    """Return the pointer to one element."""
    view = arrayobj.make_array(array_type)(context, builder, array)
    offset = indices[0]
    shape = cgutils.unpack_tuple(builder, view.shape)
    for size, index in zip(shape[1:], indices[1:], strict=True):
        offset = builder.add(builder.mul(offset, size), index)
    return builder.gep(view.data, [offset], inbounds=True)


def _load(context, builder, array_type, pointer):
    if isinstance(array_type.dtype, types.Record):
        return pointer
    return arrayobj.load_item(context, builder, array_type, pointer)


def _index(context, builder, value, index_type):
    return context.cast(builder, value, index_type, types.int64)


@lower_builtin(operator.getitem, Table, types.Integer)
def get_item(context, builder, sig, args):
    """Return ``array[index]``: of a 2-D array the row."""
    array_type = sig.args[0]
    index = _index(context, builder, args[1], sig.args[1])
    if array_type.ndim == 1:
        pointer = element(context, builder, array_type, args[0], [index])
        return _load(context, builder, array_type, pointer)
    view = arrayobj.make_array(array_type)(context, builder, args[0])
    size = cgutils.unpack_tuple(builder, view.shape)[1]
    row = context.make_array(sig.return_type)(context, builder)
    arrayobj.populate_array(
        row,
        data=builder.gep(view.data, [builder.mul(index, size)], inbounds=True),
        shape=[size],
        strides=[view.itemsize],
        itemsize=view.itemsize,
        meminfo=None,
    )
    return row._getvalue()


@lower_builtin(operator.getitem, Table, types.UniTuple)
def get_item_of_two(context, builder, sig, args):
    """Return ``array[i, j]``."""
    array_type, index_type = sig.args
    indices = [
        _index(context, builder, value, index_type.dtype)
        for value in cgutils.unpack_tuple(builder, args[1])
    ]
    pointer = element(context, builder, array_type, args[0], indices)
    return _load(context, builder, array_type, pointer)


@lower_builtin(operator.setitem, Table, types.Integer, types.Any)
def set_item(context, builder, sig, args):
    """Carry out ``array[index] = value``."""
    array_type, index_type, value_type = sig.args
    index = _index(context, builder, args[1], index_type)
    pointer = element(context, builder, array_type, args[0], [index])
    if isinstance(array_type.dtype, types.Record):
        # Stored as a value, a record would be copied byte by byte.
        size = context.get_constant(types.intp, array_type.dtype.size)
        cgutils.raw_memcpy(builder, pointer, args[2], context.get_constant(types.intp, 1), size)
        return
    value = context.cast(builder, args[2], value_type, array_type.dtype)
    arrayobj.store_item(context, builder, array_type, value, pointer)


@lower_builtin(operator.setitem, Table, types.UniTuple, types.Any)
def set_item_of_two(context, builder, sig, args):
    """Carry out ``array[i, j] = value``."""
    array_type, index_type, value_type = sig.args
    indices = [
        _index(context, builder, value, index_type.dtype)
        for value in cgutils.unpack_tuple(builder, args[1])
    ]
    pointer = element(context, builder, array_type, args[0], indices)
    value = context.cast(builder, args[2], value_type, array_type.dtype)
    arrayobj.store_item(context, builder, array_type, value, pointer)


@intrinsic
def _prefetch(typingctx, array, index):
    def codegen(context, builder, signature, args):
        byte = ir.IntType(8).as_pointer()
        number = ir.IntType(32)
        call = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [byte, number, number, number]),
            "llvm.prefetch.p0i8",
        )
        pointer = element(context, builder, signature.args[0], args[0], [args[1]])
        hints = [number(0), number(1), number(1)]  # to read, in the second-level cache, data
        builder.call(call, [builder.bitcast(pointer, byte), *hints])
        return context.get_dummy_value()

    return types.void(array, types.int64), codegen


@intrinsic
def _attach(typingctx, table):
    def codegen(context, builder, signature, args):
        array = context.make_array(signature.args[0])(context, builder, args[0])
        return builder.bitcast(array.data, context.get_value_type(STATE))

    return STATE(table), codegen


if numba.config.DISABLE_JIT:

    def handle(state):
        """Return what an entry takes: the state itself."""
        return state

    def attach(state):
        """Return the state of a handle."""
        return state

    def prefetch(array, index):
        """Do nothing."""

else:

    def handle(state):
        """Return what an entry takes: the table of the state's arrays."""
        return table(state)

    @numba.njit(_nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True)
    def attach(table):
        """Return the state of a handle."""
        return _attach(table)

    @numba.njit(_nrt=False, no_cpython_wrapper=True, no_cfunc_wrapper=True)
    def prefetch(array, index):
        """Ask for the cache line of an element that will be needed soon."""
        _prefetch(array, index)
