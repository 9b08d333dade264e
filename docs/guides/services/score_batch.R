# A model in R behind the batch-file contract: scores are written beside the rows that they belong to.
#   Rscript score_batch.R holdout.csv scored.csv
# Base R alone. The model here is a logistic regression; put yours into `score`.

score <- function(rows) {
  margin <- -1.0 + 0.8 * rows$income - 0.5 * rows$age
  1 / (1 + exp(-margin))
}

args <- commandArgs(trailingOnly = TRUE)
rows <- read.csv(args[1], check.names = FALSE, stringsAsFactors = FALSE)
rows$pd <- score(rows)

# 17 digits, so that the number that is read back is the number that was computed.
rows$pd <- format(rows$pd, digits = 17, scientific = FALSE, trim = TRUE)
write.csv(rows, args[2], row.names = FALSE, quote = TRUE, na = "")
