"""What a table is summed up to when it is too large to hold: different rows of few columns, with counts.

==================== =============================================================================
module               holds
==================== =============================================================================
`grid`               the steps that scores are put on where too many are different
`summary`            `Summary`: different tuples with counts; merging, in any order, from any cut
`codec`              a summary as bytes and back; bytes of others are checked, never trusted
`layout`             which columns the gates' checks rest on
`reading`            batches of a table → a summary, on threads
`standing`           a summary in place of the rows of a data set, for the checks
`bounds`             how far a number from the grid may lie from the exact one
`sample`             rows chosen by what they hold, for the checks that need rows
`gates`              every gate of a large data set
`stream`             two ready passes over Parquet: score counts by group, counts of cells
==================== =============================================================================
"""
