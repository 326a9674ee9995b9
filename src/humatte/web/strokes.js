// Brush strokes: lines of picture coordinates, drawn at any size.

/**
 * Draws the strokes of one kind; those of the other, painted later, rub them out.
 * @param {CanvasRenderingContext2D} pen of an empty canvas
 * @param {{kind: string, size: number, points: number[][]}[]} strokes in the order they were painted;
 *   points and size are shares of the picture: x of its width, y of its height, size of its long side
 * @param {"keep"|"drop"} kind
 */
export function drawStrokes(pen, strokes, kind, width, height, colour) {
  pen.lineCap = "round";
  pen.lineJoin = "round";
  pen.strokeStyle = colour;
  pen.fillStyle = colour;
  for (const stroke of strokes) {
    pen.globalCompositeOperation = stroke.kind === kind ? "source-over" : "destination-out";
    drawStroke(pen, stroke, width, height);
  }
  pen.globalCompositeOperation = "source-over";
}

function drawStroke(pen, { size, points }, width, height) {
  const across = Math.max(1, size * Math.max(width, height));
  const [first, ...rest] = points.map(([x, y]) => [x * width, y * height]);
  pen.beginPath();
  pen.arc(first[0], first[1], across / 2, 0, 2 * Math.PI);
  pen.fill();
  if (!rest.length) return;
  pen.lineWidth = across;
  pen.beginPath();
  pen.moveTo(...first);
  for (const point of rest) pen.lineTo(...point);
  pen.stroke();
}
