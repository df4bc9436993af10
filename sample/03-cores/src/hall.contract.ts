/** What server and clients agree on. */
export interface HallContract {
  requests: {
    'hall.where': { response: Place };
    'hall.say': { payload: { hall: string; text: string }; response: Place };
  };
  rooms: { 'hall/:hall': { events: { said: Said } } };
}

/** Which process did it. */
export interface Place {
  /** The id of the process. */
  readonly pid: number;
}

/** A text, as everyone in the hall gets it. */
export interface Said extends Place {
  readonly text: string;
  readonly from: string;
}
