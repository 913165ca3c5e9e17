/**
 * Characters that nobody sees, for a character class of a regular expression with the flag `u`: controls, line and paragraph
 * separators, characters that change the direction of text, zero-width and other invisible characters (such as tags), and
 * lone surrogates. In names that others choose, they move the cursor of a terminal, or make one name look like another.
 */
export const hiddenCharacters = "\\p{Cc}\\p{Cf}\\p{Cs}\\p{Zl}\\p{Zp}\\p{Default_Ignorable_Code_Point}"
