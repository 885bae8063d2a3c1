"""The layers that several families share: dense and recurrent layers, activation, batch norm, dropout."""
