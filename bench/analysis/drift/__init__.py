"""Compares later data with the data that a model was made from: has their distribution changed?"""
