"""Loads and exports the weights of any network by the canonical names of its layers: one file for each framework.

A network of your own says which of its modules is which layer: `{"stem": model.stem, "head": model.head}`. The type of
a module decides what its weights are called and how they lie in memory:

    dense          kernel (inputs, outputs), bias
    convolution    kernel (height, width, inputs, outputs), bias; in a depthwise one, inputs are 1
    batch norm     scale, offset, mean, variance
    layer norm     scale, offset
    embedding      table (words, features)
    recurrent      kernel (inputs, gates), recurrent (units, gates), bias; gates of an LSTM: i f g o
"""
