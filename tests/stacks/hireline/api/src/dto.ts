import { IsArray, IsBoolean, IsEmail, IsInt, IsOptional, IsString, MinLength } from 'class-validator';

export class CreateCandidate {
  @IsString() @MinLength(2) name: string;
  @IsEmail() email: string;
  @IsString() @MinLength(20) cv: string;
  @IsOptional() @IsBoolean() pushToCrm?: boolean;
}
export class CreateShortlist { @IsString() vacancy: string; @IsArray() skills: string[]; }
export class Screen { @IsInt() candidateId: number; @IsString() @MinLength(5) question: string; }
export class Letter { @IsString() vacancy: string; @IsString() tone: string; }
export class Note { @IsString() @MinLength(1) text: string; }
