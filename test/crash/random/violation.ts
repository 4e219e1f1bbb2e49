/** What a simulation may find to be broken; a sabotage is judged by it. */
export type Broken =
  /** a chunk's log has a gap or a fork, or an item of it changed */
  | 'log'
  /** a table's head jumps, or shows what it does not say */
  | 'head'
  /** a table's head was moved by a run that had not claimed it */
  | 'claim'
  /** a run that had ended goes on, or ends in another way */
  | 'run'
  /** a committed part's file is nowhere */
  | 'file'
  /** a final name holds what the ledger has not committed under it */
  | 'final name'
  /** a file holds what its attempt has not read */
  | 'rows of a part'
  /** the pointer is ahead of the head, or goes back */
  | 'pointer'
  /** a reader misses a file of the snapshot that it sees, or of the one before */
  | 'snapshot'
  | 'row lost'
  | 'row doubled'
  | 'row changed'
  /** something is left over at the end */
  | 'left over'
  /** no run comes to an end any more */
  | 'stuck'
  /** a function failed in a way that it must not */
  | 'failure'
  /** two runs of one seed differ */
  | 'replay';

export class Violation extends Error {
  readonly broken: Broken;
  constructor(broken: Broken, message: string) {
    super(message);
    this.broken = broken;
  }
}
