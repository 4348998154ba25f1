/** The database engines that the one schema stands on. */
export type Engine = "sqlite" | "postgres";
