"""Shapley values of a model's score: exact for trees and linear models, sampled for black boxes."""
