"""Practising: attempts, their clocks and their score histories."""

from burnin.practice.attempts import Attempt, Attempts, Clock, ScoreRecord

__all__ = ["Attempt", "Attempts", "Clock", "ScoreRecord"]
